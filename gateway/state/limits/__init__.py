"""What holders have used and what calls in progress have reserved: in this process, or in Redis for all of them."""
