"""What people type in the buying centre, one module per concept."""
