"""Pure functions of one point and one time step."""
