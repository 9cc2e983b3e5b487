"""Our replacement for parts of Connexion: it binds and validates the operations of OpenAPI documents.

`binding/` binds operations, `validation/` judges requests and answers, `access/` decides who may ask, `responses/` writes refusals
and headers, `transport/` is the connection below. Begin with `binding/binding.py`; `docs/connexion.md` lists what replaces which part.
"""
