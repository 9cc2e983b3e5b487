"""What stands in stock Connexion's place: documents in, bound and validated operations out.

`binding/` binds operations, `validation/` judges requests and answers, `access/` decides who may ask, `responses/` writes refusals
and headers, `transport/` is the connection below. Begin with `binding/binding.py`; `docs/connexion.md` lists what replaces which part.
"""
