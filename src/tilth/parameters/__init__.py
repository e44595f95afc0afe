"""Physical parameters, their tables, and the bijection to unconstrained numbers."""
