"""The live dashboard and its HTTP interface: reads what a run publishes."""
