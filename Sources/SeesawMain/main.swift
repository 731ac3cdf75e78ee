import SeesawCommand

SeesawCommand.main()
