"""The ledger, invoices and payments."""
