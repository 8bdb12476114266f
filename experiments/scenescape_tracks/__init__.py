"""The whole way from video to places on the ground, against the bare detector."""
