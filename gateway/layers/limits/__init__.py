"""What callers may use: reserved before a call goes on, settled when it is over; and room for calls at all."""
