codes --format json 487
