"""What we are measured against: a bare page as the floor, and other admins as tutorials write them.

Each module is one application over the tables that ``DATABASE_URL`` names.
"""
