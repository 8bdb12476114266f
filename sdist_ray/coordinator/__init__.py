"""The decisions of a running network, as a state machine without I/O."""
