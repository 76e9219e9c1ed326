"""What a run leaves for people: rasters, styles, pictures and the report."""
