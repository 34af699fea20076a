"""REST doors of the buying centre: thin, the services decide."""
