analyze README.md
