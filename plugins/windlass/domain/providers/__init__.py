"""What a spec says to the host providers that come along, and what follows from it: pure, no cloud is asked."""
