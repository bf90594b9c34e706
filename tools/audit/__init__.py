"""What is looked for in the whole repository and in what it depends on: secrets, licences."""
