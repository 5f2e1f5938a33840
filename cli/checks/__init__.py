"""The checks of `tidewatch doctor`: of the machine, of the account, of the registry and of a stack."""
