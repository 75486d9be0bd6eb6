from bimodal.command import main

main()
