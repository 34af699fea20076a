"""What the room does. Every function owns its transaction and says who may call it."""
