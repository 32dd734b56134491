"""What requests, handshakes and virtual hosts cost: on httpd and nginx, with and without client certificates."""
