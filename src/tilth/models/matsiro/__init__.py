"""A land model of the class of MATSIRO6: its state, surfaces, step, time loop and interface."""
