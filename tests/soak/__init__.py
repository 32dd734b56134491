"""The soak: servers under all kinds of visits, reloads and kills for as long as one likes, with a table at the end."""
