"""``blazebot demo``: a sandbox and an example bot as processes of their own, and a talk."""
