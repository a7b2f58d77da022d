from tfsclient_gen.cli import main

main()
