from tfsclient.cli import main

main()
