"""What the integration tests share: certificates, servers and clients, one concern a file."""
