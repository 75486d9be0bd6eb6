"""What the outer suite stands on: the real daemon, the real client, real containers."""
