-- A Sample Platform has this database already: the first line leaves it as it is.
CREATE DATABASE IF NOT EXISTS sample_platform CHARACTER SET utf8mb4;
CREATE USER 'ci'@'localhost' IDENTIFIED BY 'secret';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON sample_platform.* TO 'ci'@'localhost';
