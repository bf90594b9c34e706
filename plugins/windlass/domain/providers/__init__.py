"""What host providers that come along have to make around hosts: pure, no cloud is asked."""
