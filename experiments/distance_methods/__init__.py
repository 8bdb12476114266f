"""Four ways from boxes to metres, and what each makes of the distance rule."""
