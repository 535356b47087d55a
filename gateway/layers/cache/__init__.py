"""Repeated requests are answered from what was answered before."""
