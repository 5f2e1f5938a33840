"""What people's roles need of IAM: recorded while they do their work in the rehearsal, and written down."""
