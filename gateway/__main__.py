"""`python -m gateway` is `isthmus`."""

from gateway.cli import main

raise SystemExit(main())
