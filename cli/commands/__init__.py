"""One module for each command of `tidewatch`."""
