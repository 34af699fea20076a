"""Invoices others send to the association: read, checked, approved or refused."""
