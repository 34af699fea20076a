"""The association, its companies, their people, sign-in, audit, documents, mail, long work and the page shell."""
