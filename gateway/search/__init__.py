"""Search in vector stores: a question is read, asked in two ways, and what was found is put in one order.

No word of HTTP is spoken here.
"""
