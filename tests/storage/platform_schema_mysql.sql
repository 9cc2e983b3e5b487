-- The Sample Platform's schema as its own programs left it on an old MySQL server: character sets of several ages side by side.
CREATE TABLE `alembic_version` (`version_num` varchar(32) NOT NULL, PRIMARY KEY (`version_num`)) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `user` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(50) DEFAULT NULL,
  `email` varchar(255) DEFAULT NULL,
  `github_token` text,
  `github_login` varchar(255) DEFAULT NULL,
  `password` varchar(255) NOT NULL,
  `role` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `email` (`email`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `api_token` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11) NOT NULL,
  `token_name` varchar(50) NOT NULL,
  `token_hash` varchar(255) NOT NULL,
  `token_prefix` varchar(16) NOT NULL,
  `scopes_json` text NOT NULL,
  `created_at` datetime NOT NULL,
  `expires_at` datetime NOT NULL,
  `revoked_at` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_user_token_name` (`user_id`, `token_name`),
  KEY `ix_api_token_token_prefix` (`token_prefix`),
  CONSTRAINT `api_token_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE `fork` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `github` varchar(256) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `github` (`github`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `test` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `platform` varchar(50) NOT NULL,
  `test_type` varchar(50) NOT NULL,
  `token` varchar(64) DEFAULT NULL,
  `fork_id` int(11) DEFAULT NULL,
  `branch` text NOT NULL,
  `commit` varchar(64) NOT NULL,
  `pr_nr` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `token` (`token`),
  KEY `fork_id` (`fork_id`),
  CONSTRAINT `test_ibfk_1` FOREIGN KEY (`fork_id`) REFERENCES `fork` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;
CREATE TABLE `test_progress` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `test_id` int(11) DEFAULT NULL,
  `status` varchar(50) NOT NULL,
  `timestamp` datetime NOT NULL,
  `message` text NOT NULL,
  PRIMARY KEY (`id`),
  KEY `test_id` (`test_id`),
  CONSTRAINT `test_progress_ibfk_1` FOREIGN KEY (`test_id`) REFERENCES `test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `tag` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(64) NOT NULL,
  `description` varchar(1024) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE `sample` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `sha` varchar(128) DEFAULT NULL,
  `extension` varchar(64) NOT NULL,
  `original_name` text NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `sha` (`sha`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE `sample_tag_association` (
  `sample_id` int(11) NOT NULL,
  `tag_id` int(11) NOT NULL,
  PRIMARY KEY (`sample_id`, `tag_id`),
  KEY `tag_id` (`tag_id`),
  CONSTRAINT `sample_tag_association_ibfk_1` FOREIGN KEY (`sample_id`) REFERENCES `sample` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `sample_tag_association_ibfk_2` FOREIGN KEY (`tag_id`) REFERENCES `tag` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE `sample_extra` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `sample_id` int(11) DEFAULT NULL,
  `original_name` text NOT NULL,
  `extension` varchar(64) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `sample_id` (`sample_id`),
  CONSTRAINT `sample_extra_ibfk_1` FOREIGN KEY (`sample_id`) REFERENCES `sample` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `ccextractor_version` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `version` varchar(10) DEFAULT NULL,
  `released` date DEFAULT NULL,
  `commit` varchar(64) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `version` (`version`),
  UNIQUE KEY `released` (`released`),
  UNIQUE KEY `commit` (`commit`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `upload` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11) DEFAULT NULL,
  `sample_id` int(11) DEFAULT NULL,
  `version_id` int(11) DEFAULT NULL,
  `platform` varchar(50) NOT NULL,
  `parameters` text NOT NULL,
  `notes` text NOT NULL,
  PRIMARY KEY (`id`),
  KEY `user_id` (`user_id`),
  KEY `sample_id` (`sample_id`),
  KEY `version_id` (`version_id`),
  CONSTRAINT `upload_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT `upload_ibfk_2` FOREIGN KEY (`sample_id`) REFERENCES `sample` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `upload_ibfk_3` FOREIGN KEY (`version_id`) REFERENCES `ccextractor_version` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `category` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(64) DEFAULT NULL,
  `description` text NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `regression_test` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `sample_id` int(11) DEFAULT NULL,
  `command` text NOT NULL,
  `input_type` varchar(50) DEFAULT NULL,
  `output_type` varchar(50) DEFAULT NULL,
  `expected_rc` int(11) DEFAULT NULL,
  `active` tinyint(1) DEFAULT NULL,
  `last_passed_on_windows` int(11) DEFAULT NULL,
  `last_passed_on_linux` int(11) DEFAULT NULL,
  `description` varchar(1024) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `sample_id` (`sample_id`),
  KEY `regression_test_ibfk_2` (`last_passed_on_windows`),
  KEY `regression_test_ibfk_3` (`last_passed_on_linux`),
  CONSTRAINT `regression_test_ibfk_1` FOREIGN KEY (`sample_id`) REFERENCES `sample` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `regression_test_ibfk_2` FOREIGN KEY (`last_passed_on_windows`) REFERENCES `test` (`id`) ON DELETE SET NULL ON UPDATE CASCADE,
  CONSTRAINT `regression_test_ibfk_3` FOREIGN KEY (`last_passed_on_linux`) REFERENCES `test` (`id`) ON DELETE SET NULL ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_unicode_ci;
CREATE TABLE `regression_test_category` (
  `regression_id` int(11) DEFAULT NULL,
  `category_id` int(11) DEFAULT NULL,
  KEY `regression_id` (`regression_id`),
  KEY `category_id` (`category_id`),
  CONSTRAINT `regression_test_category_ibfk_1` FOREIGN KEY (`regression_id`) REFERENCES `regression_test` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT `regression_test_category_ibfk_2` FOREIGN KEY (`category_id`) REFERENCES `category` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `regression_test_output` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `regression_id` int(11) DEFAULT NULL,
  `correct` text,
  `correct_extension` varchar(64) NOT NULL,
  `expected_filename` text,
  `ignore` tinyint(1) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `regression_id` (`regression_id`),
  CONSTRAINT `regression_test_output_ibfk_1` FOREIGN KEY (`regression_id`) REFERENCES `regression_test` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `regression_test_output_files` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `file_hashes` text,
  `regression_test_output_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `regression_test_output_id` (`regression_test_output_id`),
  CONSTRAINT `regression_test_output_files_ibfk_1` FOREIGN KEY (`regression_test_output_id`) REFERENCES `regression_test_output` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE `test_result` (
  `test_id` int(11) NOT NULL,
  `regression_test_id` int(11) NOT NULL,
  `runtime` int(11) DEFAULT NULL,
  `exit_code` int(11) DEFAULT NULL,
  `expected_rc` int(11) DEFAULT NULL,
  PRIMARY KEY (`test_id`, `regression_test_id`),
  KEY `regression_test_id` (`regression_test_id`),
  CONSTRAINT `test_result_ibfk_1` FOREIGN KEY (`regression_test_id`) REFERENCES `regression_test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `test_result_ibfk_2` FOREIGN KEY (`test_id`) REFERENCES `test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `test_result_file` (
  `test_id` int(11) NOT NULL,
  `regression_test_id` int(11) NOT NULL,
  `regression_test_output_id` int(11) NOT NULL,
  `expected` text NOT NULL,
  `got` text,
  PRIMARY KEY (`test_id`, `regression_test_id`, `regression_test_output_id`),
  KEY `regression_test_id` (`regression_test_id`),
  KEY `regression_test_output_id` (`regression_test_output_id`),
  CONSTRAINT `test_result_file_ibfk_1` FOREIGN KEY (`regression_test_id`) REFERENCES `regression_test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `test_result_file_ibfk_2` FOREIGN KEY (`regression_test_output_id`) REFERENCES `regression_test_output` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `test_result_file_ibfk_3` FOREIGN KEY (`test_id`) REFERENCES `test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `customized_test` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `test_id` int(11) DEFAULT NULL,
  `regression_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `test_id` (`test_id`),
  KEY `regression_id` (`regression_id`),
  CONSTRAINT `customized_test_ibfk_1` FOREIGN KEY (`test_id`) REFERENCES `test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `customized_test_ibfk_2` FOREIGN KEY (`regression_id`) REFERENCES `regression_test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE `test_fork` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11) DEFAULT NULL,
  `test_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `user_id` (`user_id`),
  KEY `test_id` (`test_id`),
  CONSTRAINT `test_fork_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `test_fork_ibfk_2` FOREIGN KEY (`test_id`) REFERENCES `test` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `general_data` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `key` varchar(64) DEFAULT NULL,
  `value` text NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `key` (`key`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `gcp_instance` (
  `name` varchar(64) NOT NULL,
  `test_id` int(11) NOT NULL,
  `timestamp` datetime NOT NULL,
  `timestamp_prep_finished` datetime DEFAULT NULL,
  PRIMARY KEY (`name`),
  KEY `test_id` (`test_id`),
  CONSTRAINT `gcp_instance_ibfk_1` FOREIGN KEY (`test_id`) REFERENCES `test` (`id`) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE `maintenance_mode` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `platform` varchar(50) NOT NULL,
  `disabled` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `blocked_users` (
  `user_id` int(11) NOT NULL,
  `comment` text,
  PRIMARY KEY (`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE `sample_issue` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `sample_id` int(11) DEFAULT NULL,
  `issue_id` int(11) NOT NULL,
  `title` text NOT NULL,
  `user` text NOT NULL,
  `created_at` datetime DEFAULT NULL,
  `status` text NOT NULL,
  PRIMARY KEY (`id`),
  KEY `sample_id` (`sample_id`),
  CONSTRAINT `sample_issue_ibfk_1` FOREIGN KEY (`sample_id`) REFERENCES `sample` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE extension_forbidden (
	extension VARCHAR(32) NOT NULL, 
	PRIMARY KEY (extension)
)ENGINE=InnoDB;
CREATE TABLE mimetype_forbidden (
	mimetype VARCHAR(64) NOT NULL, 
	PRIMARY KEY (mimetype)
)ENGINE=InnoDB;
