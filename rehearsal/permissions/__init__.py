"""Records the IAM permissions that people's roles need for their work in the rehearsal, and writes them down."""
