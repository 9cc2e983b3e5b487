@echo off
rem Executes queued runs for Windows. The token is from: ci-api machines add windows-1 --platform windows --takes run
set CI_TRUST_EXECUTABLES=true
set CI_WORK_DIR=C:\ci\work
C:\ci\venv\Scripts\ci-api.exe machine --server https://ci.example.org --token-file C:\ci\machine.token
