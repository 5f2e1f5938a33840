"""The simulated Lambda: runs a function's archive on this machine."""
