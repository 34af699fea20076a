"""What the bank says: statements read, lines matched with invoices, undone by reversal."""
