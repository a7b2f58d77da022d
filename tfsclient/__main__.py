from tfsclient._cli.main import main

main()
