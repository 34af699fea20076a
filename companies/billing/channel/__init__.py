"""The way to the approved platform: one port, three adapters (folder, mailbox, HTTP as of XP Z12-013)."""
