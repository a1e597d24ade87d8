"""What many answers amount to: numpy on the host, no model in sight."""
