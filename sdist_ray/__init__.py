"""sdist_ray: the activity topology of a whole camera network, from its video, on Ray."""

__version__ = "0.1.0"
