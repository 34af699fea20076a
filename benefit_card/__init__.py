"""The QR benefit card: codes, cards, print sheets, scans and redemptions."""
