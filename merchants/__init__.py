"""Merchants, their shops, offers and tills."""
