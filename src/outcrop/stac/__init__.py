"""SpatioTemporal Asset Catalogs: items, collections of them, catalogs and searches."""
